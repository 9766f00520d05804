-- Sends requests in turn, again and again, and tells what happened as one line of JSON.
-- Arguments: the method, a file with the bodies, the size of each, then each header as a name and a value.
-- In the path and in a header's value {n} stands for the request's place.

local requests, place = {}, 0

function init(arguments)
  local bodies = io.open(arguments[2], "rb")
  for size in arguments[3]:gmatch("%d+") do
    local headers = {}
    for name, value in pairs(wrk.headers) do headers[name] = value end
    for i = 4, #arguments, 2 do
      headers[arguments[i]] = (arguments[i + 1]:gsub("{n}", #requests))
    end
    local body = tonumber(size) > 0 and bodies:read(tonumber(size)) or ""
    local path = wrk.path:gsub("{n}", #requests)
    requests[#requests + 1] = wrk.format(arguments[1], path, headers, body)
  end
end

function request()
  place = place % #requests + 1
  return requests[place]
end

function done(summary, latency)
  local failed = summary.errors
  io.write(string.format(
    '{"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    failed.status, failed.connect + failed.read + failed.write + failed.timeout))
end
