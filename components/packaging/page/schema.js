// Show the service's own schema. The validator of swagger.io would be told the address of the service: switched off.
window.onload = () => {
  SwaggerUIBundle({ url: "./docs.json", dom_id: "#schema", deepLinking: true, validatorUrl: null });
};
