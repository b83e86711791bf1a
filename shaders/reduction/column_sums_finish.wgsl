// Second stages of many sums over rows in one launch: for each of them y[to + c] = sum over s of partial[from + s stride + c].
// A table says which workgroup does what, so that the sums may differ in all their sizes.
//
// partial: first stages, anywhere in it; y: results, anywhere in it; tiles: 8 numbers for each workgroup: from, to,
// columns (64 / slices at most), shares, stride, slices, and two that are not used. All in elements.
// Dispatch: one workgroup of 64 per tile; workgroups spill from x into y. `slices` threads add up the shares of a column:
// slice s takes the shares s, s + slices, ..., and the first slice adds up the slices, all in a fixed order. Without
// SLICED every tile has one slice and there is no barrier, which suits implementations on a CPU.
const SLICED: bool = false;
// f32, or vec4<f32> where every number of every tile is a multiple of 4.
alias element = f32;

struct Params { tiles: u32 }

@group(0) @binding(0) var<storage, read> partial: array<element>;
@group(0) @binding(1) var<storage, read> tiles: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> y: array<element>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> sums: array<element, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let tile = group.y * groups.x + group.x;
  if (tile >= params.tiles) {
    return;
  }
  let places = tiles[2u * tile];
  let rows = tiles[2u * tile + 1u];
  let slices = select(1u, rows.y, SLICED);
  let width = 64u / slices;
  let column = lane % width;
  let slice = lane / width;
  let exists = column < places.z;
  var sum = element();
  for (var share = slice; share < select(0u, places.w, exists); share += slices) {
    sum += partial[places.x + share * rows.x + column];
  }
  if (SLICED) {
    sums[lane] = sum;
    workgroupBarrier();
  }
  if (slice == 0u && exists) {
    for (var s = 1u; s < slices; s += 1u) {
      sum += sums[s * width + lane];
    }
    y[places.y + column] = sum;
  }
}
