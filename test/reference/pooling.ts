/** Region-masked pooling in float64. */

export interface PoolingCase {
  batch: number;
  height: number;
  width: number;
  channels: number;
  regions: number;
}

/** @returns [B, R, C], flat, of x [B, H, W, C] and masks [B, R, H, W] */
export function regionPoolReference({ batch, height, width, channels, regions }: PoolingCase, x: Float64Array, masks: Float64Array, epsilon = 1e-6): Float64Array {
  const positions = height * width;
  const y = new Float64Array(batch * regions * channels);
  for (let image = 0; image < batch; image++) {
    for (let region = 0; region < regions; region++) {
      const map = masks.subarray((image * regions + region) * positions, (image * regions + region + 1) * positions);
      const mass = map.reduce((sum, weight) => sum + weight, 0);
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        map.forEach((weight, position) => {
          sum += weight * x[(image * positions + position) * channels + channel];
        });
        y[(image * regions + region) * channels + channel] = sum / Math.max(mass, epsilon);
      }
    }
  }
  return y;
}
