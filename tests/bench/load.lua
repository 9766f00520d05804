-- Sends one fixed request for ever and tells what happened as one line of JSON.
-- Arguments: the method, a file with the body, then each header as a name and a value.

function init(arguments)
  wrk.method = arguments[1]
  wrk.body = io.open(arguments[2], "rb"):read("*a")
  for i = 3, #arguments, 2 do
    wrk.headers[arguments[i]] = arguments[i + 1]
  end
end

function done(summary, latency)
  local failed = summary.errors
  io.write(string.format(
    '{"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    failed.status, failed.connect + failed.read + failed.write + failed.timeout))
end
