// What the scripts share: one line of JSON for each call.

export const env = JSON.parse(process.env.CLIENTS_ENV);

// expose is an error as a caller of the client sees it. Texts and codes are the vendor's; nothing is made up here.
function expose(e) {
  const out = { name: e.name, message: e.message };
  if (e.errorCode !== undefined) out.errorCode = e.errorCode; // jsforce
  if (e.data !== undefined) out.data = e.data;
  if (e.response) { // gaxios
    out.status = e.status;
    out.body = e.response.data;
  }
  return out;
}

// call performs one call and prints what came of it. It returns what the client returned, undefined for an error.
export async function call(name, perform) {
  const line = { call: name };
  let got;
  try {
    got = await perform();
    line.got = got ?? null;
  } catch (e) {
    line.error = expose(e);
  }
  line.http = await (await fetch(env.url + '/.recorder')).json();
  console.log(JSON.stringify(line));
  return got;
}

// control asks the sandbox's control endpoint for something that the vendor, time or another person does.
export async function control(method, path, body) {
  const res = await fetch(env.control + path, { method, body: body && JSON.stringify(body) });
  if (!res.ok) throw new Error(`control ${path}: ${await res.text()}`);
  return res.json();
}
