/** A small static server for the app: loopback only, isolated from other origins, nothing outside its folders. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, extname, join, sep } from 'node:path';
import { MESH_PACKAGE_FILES } from '../../data/faces/canonical-mesh.js';
import { InputError } from '../../engine/errors.js';

const HOST = '127.0.0.1';

/** How many ports after the wanted one are tried when it is taken. */
const PORT_TRIES = 20;

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.wasm': 'application/wasm',
  '.data': 'application/octet-stream',
};

/** Nothing is loaded from, or sent to, another place than this server. (The charts set inline styles.) */
const policy = (scriptSources: readonly string[]): string =>
  [
    "default-src 'self'",
    ...(scriptSources.length > 0 ? [['script-src', "'self'", ...scriptSources].join(' ')] : []),
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ');

const headersWith = (scriptSources: readonly string[]): Readonly<Record<string, string>> => ({
  // Cross-origin isolation: fine-grained timers and SharedArrayBuffer.
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Content-Security-Policy': policy(scriptSources),
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache',
});

/** What the server hands out. */
export interface AppServerOptions {
  /** Folder of the built app. */
  readonly folder: string;
  /** First port to try; 0 lets the system choose. */
  readonly port: number;
  /** Files outside the folder, by the path that they are asked for with, such as "/library/code.wasm". */
  readonly files?: Readonly<Record<string, string>>;
  /** What scripts may come from, or do, besides the app's own files, such as 'wasm-unsafe-eval' in quotes. */
  readonly scriptSources?: readonly string[];
}

/** What an answer follows from. */
interface Served {
  readonly folder: string;
  readonly meshFolder: string;
  readonly files: ReadonlyMap<string, string>;
  readonly headers: Readonly<Record<string, string>>;
}

/** A running server. */
export interface AppServer {
  /** Address of the app, with a slash at its end. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** The file behind a request path, or null when the path is malformed or leads out of the folders. */
function fileOf(path: string, { folder, meshFolder, files }: Served): string | null {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return null;
  }
  if (/[\0\\]/.test(decoded)) return null;
  const known = files.get(decoded);
  if (known !== undefined) return known;
  const parts = decoded.split('/').slice(1);
  if (parts.some((part) => part.startsWith('.'))) return null;
  if (parts[0] === 'mesh') {
    const file = parts.slice(1).join('/');
    return Object.values<string>(MESH_PACKAGE_FILES).includes(file) ? join(meshFolder, file) : null;
  }
  const file = join(folder, ...parts, decoded.endsWith('/') ? 'index.html' : '');
  return file.startsWith(folder + sep) ? file : null;
}

async function answer(request: IncomingMessage, response: ServerResponse, served: Served): Promise<void> {
  const end = (status: number, text: string, headers: Record<string, string> = {}) =>
    response.writeHead(status, { ...served.headers, 'Content-Type': 'text/plain; charset=utf-8', ...headers }).end(`${text}\n`);
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    end(405, 'Only GET and HEAD are answered here.', { Allow: 'GET, HEAD' });
    return;
  }
  const [path] = (request.url ?? '/').split('?');
  if (path === '/') {
    end(302, 'The app starts at /train/.', { Location: '/train/' });
    return;
  }
  const file = fileOf(path, served);
  const found = file === null ? null : await stat(file).catch(() => null);
  if (file === null || !found?.isFile()) {
    end(404, `There is no ${path} here.`);
    return;
  }
  response.writeHead(200, {
    ...served.headers,
    'Content-Type': CONTENT_TYPES[extname(file)] ?? 'application/octet-stream',
    'Content-Length': String(found.size),
  });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  createReadStream(file).on('error', () => response.destroy()).pipe(response);
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      server.off('listening', succeed);
      reject(error);
    };
    const succeed = () => {
      server.off('error', fail);
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    };
    server.once('error', fail).once('listening', succeed).listen(port, HOST);
  });
}

/**
 * Serves the app on 127.0.0.1, on the wanted port or the next free one.
 * @throws {InputError} when the port cannot be used, or it and those after it are taken
 */
export async function startAppServer({ folder, port, files = {}, scriptSources = [] }: AppServerOptions): Promise<AppServer> {
  const meshFolder = dirname(createRequire(import.meta.url).resolve(`@mediapipe/face_mesh/${MESH_PACKAGE_FILES.data}`));
  const served: Served = { folder, meshFolder, files: new Map(Object.entries(files)), headers: headersWith(scriptSources) };
  const server = createServer((request, response) => {
    answer(request, response, served).catch(() => response.destroy());
  });
  const last = port === 0 ? 0 : Math.min(port + PORT_TRIES, 65535);
  for (let attempt = port; ; attempt++) {
    try {
      const actual = await listen(server, attempt);
      return {
        url: `http://${HOST}:${actual}/`,
        port: actual,
        close: () =>
          new Promise((resolve) => {
            server.close(() => resolve());
            server.closeAllConnections();
          }),
      };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EADDRINUSE' && attempt < last) continue;
      if (code === 'EADDRINUSE') throw new InputError(`The ports ${port} to ${last} are all in use: give a free one with --port.`);
      if (code === 'EACCES') throw new InputError(`Port ${attempt} needs special rights: give one from 1024 with --port.`);
      throw error;
    }
  }
}
