/** Swagger UI's own script, loaded before this one. */
declare const SwaggerUIBundle: (options: { url: string; dom_id: string; deepLinking: boolean }) => unknown;

SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true });
