// Layout: a keymap as data.

export interface Layout {
  layers: Layer[];
  /** Mistakes and unreadable parts, in order. A layout with errors is shown but never stored. */
  errors: LayoutError[];
  /**
   * Whether layers may be missing because of files or names that were not found. Layer numbers are then not
   * certain.
   */
  isIncomplete?: boolean;
  /** Absent if there are none, like the lists below. */
  combos?: Combo[];
  macros?: Macro[];
  conditionalLayers?: ConditionalLayer[];
}

/** Keys that do something else when they are pressed together. */
export interface Combo {
  /** Node name. */
  name: string;
  /** Indices of keys in a layer. */
  keys: number[];
  /** Empty if it cannot be read. */
  bindings: Binding[];
  /** The layers on which it works; absent for all. */
  layers?: number[];
}

export interface Macro {
  /** The behavior that runs it, without `&`. */
  name: string;
  /** Empty if it cannot be read. */
  bindings: Binding[];
}

/** A layer that is on while others are. */
export interface ConditionalLayer {
  /** Node name. */
  name: string;
  ifLayers: number[];
  thenLayer: number;
}

export interface Layer {
  /** Node name, such as `default_layer`. */
  name: string;
  /** `display-name`, or the older `label`, when given. */
  displayName?: string;
  /** Empty when the layer cannot be read: see `unreadable`. */
  bindings: Binding[];
  /** `sensor-bindings`, when given. */
  sensorBindings: Binding[];
  /** The number of bindings in each row of the source. */
  rows: number[];
  /** The reason that the keys are not known, such as `ROW is not defined`. There are no bindings then. */
  unreadable?: string;
  /** The reason that the sensors are not known. */
  unreadableSensors?: string;
}

/** A key's binding as written: `&kp LC(A)` is `{ behavior: 'kp', parameters: ['LC(A)'] }`. */
export interface Binding {
  behavior: string;
  parameters: string[];
}

export interface LayoutError {
  /** The file, when it is not the keymap itself but an include. */
  file?: string;
  /** 1-based. */
  line: number;
  column: number;
  message: string;
}
