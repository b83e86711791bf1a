/** Version of @jax-js/jax, which does not tell its own; a test compares it with package.json. */
export const JAX_VERSION = '0.1.25';
