// Keymap data for the firmware, with every name resolved to a number.

/** Number of keys of a Corne. */
export const POSITIONS = 42;

/** One key's behavior, as `struct binding` in source/keymap.h. */
export interface KeyBinding {
  behavior: BehaviorName;
  index: number;
  first: number;
  second: number;
}

export type BehaviorName =
  | 'NONE'
  | 'TRANSPARENT'
  | 'KEY'
  | 'STICKY_KEY'
  | 'LAYER'
  | 'TO_LAYER'
  | 'TOGGLE_LAYER'
  | 'HOLD_TAP'
  | 'MACRO'
  | 'RESET'
  | 'BOOTLOADER';

export interface HoldTap {
  flavor: string;
  tappingTerm: number;
  quickTap: number;
  priorIdle: number;
  hold: KeyBinding;
  tap: KeyBinding;
  triggerPositions: number[];
  triggerOnRelease: boolean;
}

export interface Combo {
  positions: number[];
  layers: number[];
  timeout: number;
  priorIdle: number;
  binding: KeyBinding;
}

export interface MacroStep {
  step: 'TAP' | 'PRESS' | 'RELEASE';
  tap: number;
  wait: number;
  binding: KeyBinding;
}

export interface ConditionalLayer {
  /** Active when all of these layers are active. */
  when: number[];
  layer: number;
}

export interface Keymap {
  layers: { name: string; bindings: KeyBinding[] }[];
  holdTaps: HoldTap[];
  combos: Combo[];
  macros: { name: string; steps: MacroStep[] }[];
  conditionalLayers: ConditionalLayer[];
  /** Milliseconds until an unused sticky key is released. */
  stickyReleaseAfter: number;
}
