// Shows /openapi.json, with a key when the service asks for one. URLs are relative: the page may stand behind
// a proxy's path. The key stays in this script's memory, and leaves it in requests to the service alone.
"use strict";

const ask = document.getElementById("ask");
const field = document.getElementById("key");
const said = document.getElementById("said");
const DESCRIPTION = "openapi.json";
let key = "";

function withKey(request) {
  const own = new URL(request.url, location.href).origin === location.origin;
  const given = Object.keys(request.headers ?? {}).some((name) => /^(authorization|x-api-key)$/i.test(name));
  if (key && own && !given) request.headers = { ...request.headers, "X-API-Key": key };
  return request;
}

function show() {
  ask.hidden = true;
  SwaggerUIBundle({
    url: DESCRIPTION,
    dom_id: "#swagger-ui",
    deepLinking: true,
    showExtensions: true,
    requestInterceptor: withKey,
  });
}

function wait(sentence) {
  said.textContent = sentence;
  ask.hidden = false;
  field.focus();
}

async function open() {
  try {
    const answer = await fetch(DESCRIPTION, withKey({ url: DESCRIPTION, headers: {} }));
    if (answer.ok) show();
    else if (answer.status === 401) wait(key ? "This key is not known." : "This service asks for a key.");
    else wait(`The service answered ${answer.status}.`);
  } catch {
    // Also a key that no header can carry.
    wait(key ? "The service does not answer, or this is no key." : "The service does not answer.");
  }
}

ask.addEventListener("submit", (event) => {
  event.preventDefault();
  key = field.value.trim();
  field.value = "";
  open();
});
open();
