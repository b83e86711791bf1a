/** The libraries that Zygo is measured beside, for the command line and the harness. */
export const PEER_NAMES = ['jax-js', 'tfjs', 'onnxruntime-web'] as const;

/** The name of another library. */
export type PeerName = (typeof PEER_NAMES)[number];
