const api = window.PublicKeyCredential, key = navigator.credentials;
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
