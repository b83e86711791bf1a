// Second stage of the global gradient norm and the factor that clips it (torch.nn.utils.clip_grad_norm_):
//   norm = sqrt(sum partial),   scale = min(1, limit / (norm + 1e-6))
// A norm that is infinite or not a number gives scale 0, which tells adamw to leave everything as it is. The bits are
// tested, because WGSL lets a compiler assume that no such value occurs.
//
// partial: count floats; result: [2] = scale, norm.
// Dispatch: one workgroup. Lane l adds up partial[l], partial[l + 64], ...: a GPU's single thread would wait for memory
// once for every few of them. The first lane adds the lanes' sums and does the rest.
struct Params { count: u32, limit: f32 }

@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read_write> result: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var own = 0.0;
  for (var k = lane; k < params.count; k += 64u) {
    own += partial[k];
  }
  sums[lane] = own;
  workgroupBarrier();
  if (lane != 0u) {
    return;
  }
  var total = 0.0;
  for (var k = 0u; k < 64u; k += 1u) {
    total += sums[k];
  }
  let norm = sqrt(total);
  let finite = (bitcast<u32>(total) & 0x7f800000u) != 0x7f800000u;
  var scale = min(1.0, params.limit / (norm + 1e-6));
  if (!finite) {
    scale = 0.0;
  }
  result[0] = scale;
  result[1] = norm;
}
