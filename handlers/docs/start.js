// Shows the contract that this very server serves. The validator badge would ask another host, so it is off.
window.addEventListener("load", () => {
  window.SwaggerUIBundle({
    url: "/mobile-api.yaml",
    dom_id: "#reference",
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
    persistAuthorization: false,
  });
});
