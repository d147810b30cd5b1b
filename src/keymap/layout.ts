// A keymap as data.

export interface Layout {
  layers: Layer[];
  /** What is wrong or could not be read, in order. A layout with errors is shown but never stored. */
  errors: LayoutError[];
  /**
   * Whether there may be further layers between those that are here, because of files or names that were not found: then
   * it is not certain which number each has.
   */
  isIncomplete?: boolean;
}

export interface Layer {
  /** The node's name, such as `default_layer`. */
  name: string;
  /** `display-name` (or the older `label`) when given. */
  displayName?: string;
  /** Empty when the layer cannot be read: see `unreadable`. */
  bindings: Binding[];
  /** `sensor-bindings`, when given. */
  sensorBindings: Binding[];
  /** How many bindings each line has: the rows as the author drew them. */
  rows: number[];
  /** Why the keys are not known, such as `ROW is not defined`; then there are no bindings. */
  unreadable?: string;
  /** The same for the sensors. */
  unreadableSensors?: string;
}

/** One key's behavior, as it is written: `&kp LC(A)` is `{ behavior: 'kp', parameters: ['LC(A)'] }`. */
export interface Binding {
  behavior: string;
  parameters: string[];
}

export interface LayoutError {
  /** The file that it is in, when that is not the keymap itself but one that it includes. */
  file?: string;
  /** 1-based. */
  line: number;
  column: number;
  message: string;
}
