/** The app's server: headers, types, what it refuses, ports; and how Chrome is found. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { MESH_PACKAGE_FILES, MESH_VERTEX_COUNT } from '../src/data/faces/canonical-mesh.js';
import { loadCanonicalMesh } from '../src/platform/browser/canonical-mesh.js';
import { startAppServer, type AppServer } from '../src/platform/node/app-server.js';
import { findChrome } from '../src/platform/node/chrome.js';

let parent: string;
let folder: string;
let server: AppServer;

before(async () => {
  parent = await mkdtemp(join(tmpdir(), 'zygo-server-'));
  folder = join(parent, 'app');
  await mkdir(join(folder, 'train'), { recursive: true });
  await mkdir(join(parent, 'app-beside'));
  await Promise.all([
    writeFile(join(parent, 'secret.txt'), 'secret'),
    writeFile(join(parent, 'app-beside', 'secret.txt'), 'secret'),
    writeFile(join(folder, '.hidden'), 'secret'),
    writeFile(join(folder, 'train', 'index.html'), '<!doctype html><title>page</title>'),
    writeFile(join(folder, 'train', 'page.js'), 'export {};'),
    writeFile(join(folder, 'train', 'style.css'), 'body {}'),
  ]);
  server = await startAppServer({ folder, port: 0 });
});

after(async () => {
  await server.close();
  await rm(parent, { recursive: true });
});

/** A request whose path goes out exactly as written; `fetch` would tidy it first. */
function ask(path: string, method = 'GET'): Promise<{ status: number; headers: Record<string, unknown>; body: string }> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: server.port, path, method }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => (body += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    })
      .on('error', reject)
      .end();
  });
}

test('pages come with their types, isolated from other origins', async () => {
  for (const [path, type] of [
    ['/train/', 'text/html; charset=utf-8'],
    ['/train/?steps=4', 'text/html; charset=utf-8'],
    ['/train/page.js', 'text/javascript; charset=utf-8'],
    ['/train/style.css', 'text/css; charset=utf-8'],
    [`/mesh/${MESH_PACKAGE_FILES.loader}`, 'text/javascript; charset=utf-8'],
    [`/mesh/${MESH_PACKAGE_FILES.data}`, 'application/octet-stream'],
  ]) {
    const { status, headers } = await ask(path);
    assert.equal(status, 200, path);
    assert.equal(headers['content-type'], type, path);
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin', path);
    assert.equal(headers['cross-origin-embedder-policy'], 'require-corp', path);
    assert.equal(headers['x-content-type-options'], 'nosniff', path);
  }
  const { status, headers } = await ask('/');
  assert.equal(status, 302);
  assert.equal(headers.location, '/train/');
  const head = await ask('/train/page.js', 'HEAD');
  assert.equal(head.headers['content-length'], String('export {};'.length));
  assert.equal(head.body, '');
});

test('nothing outside the app and the mesh is served', async () => {
  for (const path of [
    '/../secret.txt',
    '/train/../../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/..%5csecret.txt',
    '/train/..%2f..%2fsecret.txt',
    '/../app-beside/secret.txt',
    '/.hidden',
    '/train/%00',
    '/%',
    '/train',
    '/mesh/package.json',
    '/mesh/../package.json',
    '/mesh/..%2fpackage.json',
    '//secret.txt',
  ]) {
    const { status, body } = await ask(path);
    assert.equal(status, 404, path);
    assert.doesNotMatch(body, /^secret/, path);
  }
  assert.equal((await ask('/train/', 'POST')).status, 405);
});

test('a file of a library is served from where it lies, with what its scripts need, and nothing beside it', async () => {
  const library = join(parent, 'library');
  await mkdir(library);
  await Promise.all([writeFile(join(library, 'code.wasm'), 'wasm'), writeFile(join(library, 'other.wasm'), 'other')]);
  const own = await startAppServer({ folder, port: 0, files: { '/library/code.wasm': join(library, 'code.wasm') }, scriptSources: ["'wasm-unsafe-eval'"] });
  try {
    const found = await fetch(`${own.url}library/code.wasm`);
    assert.equal(await found.text(), 'wasm');
    assert.equal(found.headers.get('content-type'), 'application/wasm');
    assert.match(found.headers.get('content-security-policy') ?? '', /; script-src 'self' 'wasm-unsafe-eval'; /);
    assert.equal((await fetch(`${own.url}library/other.wasm`)).status, 404);
  } finally {
    await own.close();
  }
});

test('the browser reads the face mesh from the server', async () => {
  const mesh = await loadCanonicalMesh(new URL('/mesh/', server.url));
  assert.equal(mesh.positions.length, MESH_VERTEX_COUNT * 3);
  await assert.rejects(loadCanonicalMesh(new URL('/nowhere/', server.url)), { name: 'InputError', message: /cannot be loaded from .*404/ });
});

test('a port that is taken gives the next free one', async () => {
  const blocker = createServer();
  const port = await new Promise<number>((resolve) => {
    blocker.listen(0, '127.0.0.1', () => resolve((blocker.address() as { port: number }).port));
  });
  const second = await startAppServer({ folder, port });
  try {
    assert.ok(second.port > port && second.port <= port + 20, `port ${second.port} must follow ${port}`);
    assert.equal((await fetch(`${second.url}train/`)).status, 200);
  } finally {
    await second.close();
    blocker.close();
  }
});

test('CHROME_PATH that names no program is an error that says so', async () => {
  const previous = process.env.CHROME_PATH;
  process.env.CHROME_PATH = join(parent, 'no-chrome');
  try {
    await assert.rejects(findChrome(), { name: 'InputError', message: /CHROME_PATH is ".*no-chrome"/ });
  } finally {
    if (previous === undefined) delete process.env.CHROME_PATH;
    else process.env.CHROME_PATH = previous;
  }
});
