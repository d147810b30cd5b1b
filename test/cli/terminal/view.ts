// A renderer on a screen, with a clock that only the test advances.
import type { BuildEvent } from '../../../src/builder/events.ts';
import { createStyle, type Style } from '../../../src/cli/terminal/style.ts';
import { Screen } from './screen.ts';
import { START } from './scripted-events.ts';

interface Options {
  stream: Screen;
  style: Style;
  clock: () => number;
  cwd: string;
  ticker: (redraw: () => void) => () => void;
}

/** Shows the renderer that `create` makes on a screen of this size. */
export function show<Renderer extends { event(event: BuildEvent): void }>(
  create: (options: Options) => Renderer,
  { columns = 80, rows = 24 } = {},
) {
  const screen = new Screen(columns, rows);
  let now = START;
  let tick: (() => void) | undefined;
  const renderer = create({
    stream: screen,
    style: createStyle(true),
    clock: () => now,
    cwd: '/home/me',
    ticker: redraw => {
      tick = redraw;
      return () => {
        tick = undefined;
      };
    },
  });
  return {
    screen,
    renderer,
    get ticking() {
      return tick !== undefined;
    },
    tell(...events: BuildEvent[]) {
      for (const event of events) renderer.event(event);
    },
    /** The content of the screen `after` milliseconds from the start. */
    at(after: number): string[] {
      now = START + after;
      tick?.();
      return screen.text;
    },
  };
}
