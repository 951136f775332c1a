const api = window.PublicKeyCredential, key = navigator.credentials;
const told = JSON.parse(document.getElementById("passkeys")?.dataset.told ?? "{}");
const tell = async (signal, what) => { try { await (what && api?.[signal]?.(what)); } catch {} };
tell("signalUnknownCredential", told.unknown);
tell("signalAllAcceptedCredentials", told.accepted);
tell("signalCurrentUserDetails", told.details);
if (api?.parseRequestOptionsFromJSON) for (const form of document.forms) {
  const field = form.elements;
  if (!field.credential) continue;
  form.hidden = false;
  let autofill;
  const ask = async more => {
    const options = field.options ? JSON.parse(field.options.value)
      : (await (await fetch(field.from.value, {method: "POST"})).json()).options;
    const made = options.rp ? await key.create({publicKey: api.parseCreationOptionsFromJSON(options)})
      : await key.get({publicKey: api.parseRequestOptionsFromJSON(options), ...more});
    field.credential.value = JSON.stringify(made);
    field.options?.remove();
    form.action += location.hash; // it outlives the redirect
    form.submit();
  };
  form.addEventListener("submit", event => {
    event.preventDefault();
    autofill?.abort();
    ask().catch(() => {});
  });
  if (field.from && await api.isConditionalMediationAvailable?.()) {
    autofill = new AbortController();
    ask({mediation: "conditional", signal: autofill.signal}).catch(() => {});
  }
}
// Once in a session, and only where the browser makes a passkey by itself for who has just let it fill in the password.
const offer = async ({to, session}) => {
  if (sessionStorage.passkey === session || !(await api?.getClientCapabilities?.())?.conditionalCreate) return;
  sessionStorage.passkey = session;
  const soon = () => AbortSignal.timeout(5000);
  const post = (path, body) => fetch(path, {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body), signal: soon()});
  const added = await post(to, {type: "passkey"});
  if (!added.ok) return;
  const {id, options} = await added.json();
  const credential = await key.create({publicKey: api.parseCreationOptionsFromJSON(options), mediation: "conditional", signal: soon()});
  if (!(await post(`${to}/${id}/confirm`, {credential})).ok) await tell("signalUnknownCredential", {rpId: options.rp.id, credentialId: credential.id});
};
try { if (told.offer) await offer(told.offer); } catch {}
const onward = told.onward && document.querySelector(".links a");
if (onward) {
  if (!onward.hash) onward.hash = location.hash;
  location.replace(onward.href);
}
