// A keymap as data.

export interface Layout {
  layers: Layer[];
  /** Problems the grammar recovered from, in order. A layout with errors is shown but never stored. */
  errors: LayoutError[];
}

export interface Layer {
  /** The node's name, such as `default_layer`. */
  name: string;
  /** `display-name` (or the older `label`) when given. */
  displayName?: string;
  bindings: Binding[];
  /** `sensor-bindings`, when given. */
  sensorBindings: Binding[];
  /** How many bindings each source line of `bindings` has: the rows as the author drew them. */
  rows: number[];
}

/** One key's behaviour: `&kp LC(A)` is `{ behavior: 'kp', parameters: ['LC(A)'] }`. */
export interface Binding {
  behavior: string;
  parameters: string[];
}

export interface LayoutError {
  /** 1-based. */
  line: number;
  column: number;
  message: string;
}
