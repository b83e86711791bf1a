/** Loads the libraries that are asked for; one that cannot be loaded is named with the reason. */
import { PEER_NAMES, type PeerName } from './names.js';
import type { MissingPeer, Peer, PeerSet } from './peer.js';

/** Each library is loaded when it is wanted. */
export const LOADERS: Readonly<Record<PeerName, () => Promise<Peer>>> = {
  'jax-js': async () => (await import('./jax/jax-peer.js')).loadJax(),
  'onnxruntime-web': async () => (await import('./ort/ort-peer.js')).loadOrt(),
  tfjs: async () => (await import('./tfjs/tfjs-peer.js')).loadTfjs(),
};

/**
 * @param names of those that are wanted; the others are listed as left out
 * @param loaders tests bring their own
 */
export async function loadPeers(names: readonly PeerName[], loaders: Readonly<Record<PeerName, () => Promise<Peer>>> = LOADERS): Promise<PeerSet> {
  const peers: Peer[] = [];
  const missing: MissingPeer[] = [];
  for (const name of PEER_NAMES) {
    if (!names.includes(name)) {
      missing.push({ name, reason: 'not asked for' });
      continue;
    }
    try {
      peers.push(await loaders[name]());
    } catch (error) {
      missing.push({ name, reason: `it could not be loaded: ${(error instanceof Error ? error.message : String(error)).split('\n')[0]}` });
    }
  }
  return { peers, missing };
}
