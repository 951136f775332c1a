"use strict";

const calls = document.getElementById("calls");

// at returns what steps lead to in a document, or undefined.
const at = (doc, steps) => steps.reduce((node, step) => node?.[step], doc);

// part returns a document with what steps lead to, and what that refers to, alone.
function part(doc, steps) {
  const kept = { ...doc, paths: {}, components: { securitySchemes: doc.components.securitySchemes } };
  const keep = (way) => {
    const node = at(doc, way);
    if (node === undefined || at(kept, way) !== undefined) {
      return;
    }
    const last = way.length - 1;
    way.slice(0, last).reduce((parent, step) => (parent[step] ??= {}), kept)[way[last]] = node;
    for (const [, pointer] of JSON.stringify(node).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      keep(pointer.split("/").map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~")));
    }
  };
  keep(steps);
  if (steps[0] === "paths") {
    keep(["paths", steps[1], "parameters"]); // which every call of a path has
  }
  return kept;
}

// readsParts is a plugin: Swagger UI reads the document anew for each call that is opened, and takes seconds for all of it.
function readsParts({ fn }) {
  const resolve = fn.resolveSubtree;
  return { fn: { resolveSubtree: (doc, steps, options) => resolve(steps.length === 0 ? doc : part(doc, steps), steps, options) } };
}

window.SwaggerUIBundle({
  domNode: calls,
  url: calls.dataset.document,
  deepLinking: true,
  docExpansion: "list",
  // The cookies go with a call because it is of the same origin. A token that is typed in is gone with the page.
  persistAuthorization: false,
  // Else the document would be sent to a validator on the web.
  validatorUrl: null,
  plugins: [readsParts],
});
