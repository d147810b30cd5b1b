// Memory use and size of firmware, from the compiler to the events of this build and of those that find it in the cache.
import test from 'ava';
import { createProject } from './project.ts';
import type { RigRun } from './rig/rig.ts';

/** Compiles to firmware of the size that the keymap says. */
async function compileSized(run: RigRun): Promise<void> {
  const config = run.target.config!;
  const size = Number(await run.read(`${config}/config/corne.keymap`));
  await run.observed([`${config}/config/corne.keymap`]);
  await run.print('           FLASH:      208016 B       792 KB     25.65%');
  await run.print('             RAM:       57040 B       256 KB     21.76%');
  await run.succeed('x'.repeat(size));
}

const MEMORY = { flash: { used: 208_016, size: 811_008 }, ram: { used: 57_040, size: 262_144 } };

test.serial('flash and RAM are reported with each firmware, also when it is from the cache', async t => {
  const project = await createProject(t, { onRun: compileSized });
  await project.write('config/corne.keymap', '300');
  for (const source of ['compiled', 'cache']) {
    const building = project.start();
    await building.done;
    const told = building.of('target-finished').map(({ source, size, memory }) => ({ source, size, memory }));
    t.deepEqual(told, Array(2).fill({ source, size: 300, memory: MEMORY }));
  }
});

test.serial(
  'a size that differs by more than a third from that of the last build is a warning, once',
  async t => {
    const project = await createProject(t, { onRun: compileSized });
    const warningsAt = async (size: string) => {
      await project.write('config/corne.keymap', size);
      const building = project.start();
      await building.done;
      return building.of('warning').map(({ target, message }) => `${target}: ${message}`);
    };
    t.deepEqual(await warningsAt('300'), [], 'nothing to compare with');
    t.deepEqual(await warningsAt('201'), []);
    const shrunk = await warningsAt('51');
    t.deepEqual(shrunk.map(message => message.split(' since')[0]).sort(), [
      'left: The firmware shrank from 201 to 51 bytes',
      'right: The firmware shrank from 201 to 51 bytes',
    ]);
    t.deepEqual(await warningsAt('51'), [], 'that is the last build now');
    t.regex((await warningsAt('201'))[0]!, /grew from 51 to 201 bytes/, 'from the cache');
  },
);
