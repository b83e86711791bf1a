// Writes one number: the pass around it carries a timestamp. A pass without any launch may lose its timestamp on some
// drivers.
//
// y: one float. Dispatch: one workgroup of one thread.
@group(0) @binding(0) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(1)
fn main() {
  y[0] = 1.0;
}
