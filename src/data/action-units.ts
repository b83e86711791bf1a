/** Facial action units (FACS): the numbers that Zygo knows and what each movement is. */

/** The AUs that Zygo can draw, map and detect: the 12 of BP4D together with the 8 of DISFA. */
export const KNOWN_AUS = [1, 2, 4, 6, 7, 9, 10, 12, 14, 15, 17, 23, 24, 25, 26] as const;

/** The number of one of {@link KNOWN_AUS} in FACS. */
export type ActionUnit = (typeof KNOWN_AUS)[number];

/** AUs labelled in BP4D (Zhang et al. 2014), in the order in which the field reports them. */
export const BP4D_AUS: readonly ActionUnit[] = [1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24];

/** AUs evaluated on DISFA (Mavadati et al. 2013), in the order in which the field reports them. */
export const DISFA_AUS: readonly ActionUnit[] = [1, 2, 4, 6, 9, 12, 25, 26];

/** FACS name of each AU (Ekman, Friesen and Hager 2002). */
export const AU_NAMES: Readonly<Record<ActionUnit, string>> = {
  1: 'Inner brow raiser',
  2: 'Outer brow raiser',
  4: 'Brow lowerer',
  6: 'Cheek raiser',
  7: 'Lid tightener',
  9: 'Nose wrinkler',
  10: 'Upper lip raiser',
  12: 'Lip corner puller',
  14: 'Dimpler',
  15: 'Lip corner depressor',
  17: 'Chin raiser',
  23: 'Lip tightener',
  24: 'Lip pressor',
  25: 'Lips part',
  26: 'Jaw drop',
};
