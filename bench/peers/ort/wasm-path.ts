/** Where the benchmark's page serves the WebAssembly of onnxruntime-web, seen from the Worker's script. */
export const WASM_PATH = 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm';
