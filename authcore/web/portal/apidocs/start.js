"use strict";

const calls = document.getElementById("calls");

window.SwaggerUIBundle({
  domNode: calls,
  url: calls.dataset.document,
  deepLinking: true,
  docExpansion: "list",
  // The cookies go with a call because it is of the same origin. A token that is typed in is gone with the page.
  persistAuthorization: false,
  // Else the document would be sent to a validator on the web.
  validatorUrl: null,
});
