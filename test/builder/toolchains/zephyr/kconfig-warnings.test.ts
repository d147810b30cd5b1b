// Kconfig warnings: settings that a build did not apply are reported with their places, if they are the user's own.
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { PathMap } from '../../../../src/builder/toolchains/observed/index.ts';
import { settingsWithoutEffect } from '../../../../src/builder/toolchains/zephyr/kconfig-warnings.ts';
import { temporaryDirectory } from '../../../support/temporary.ts';
import { writeFiles } from '../observed/workspace.ts';

/** As printed by Kconfig of Zephyr 3.5; ROOT is the common directory. */
const LOG = `Loaded configuration 'ROOT/workspace/zmk/app/boards/arm/nice_nano/nice_nano_v2_defconfig'
Merged configuration 'ROOT/workspace/zmk/app/prj.conf'
Merged configuration 'ROOT/copy/config/corne.conf'
Merged configuration 'ROOT/workspace/zmk/app/boards/shields/corne/corne_right.conf'
Merged configuration 'ROOT/build/zephyr/misc/generated/extra_kconfig_options.conf'

warning: ZMK_USB (defined at ROOT/workspace/zmk/app/Kconfig:121) was assigned the value 'y' but got
the value 'n'. Check these unsatisfied dependencies: (!ZMK_SPLIT || (ZMK_SPLIT &&
ZMK_SPLIT_ROLE_CENTRAL)) (=n). See http://docs.zephyrproject.org/latest/kconfig.html#CONFIG_ZMK_USB
and/or look up ZMK_USB in the menuconfig/guiconfig interface. The Application Development Primer,
Setting Configuration Values, and Kconfig - Tips and Best Practices sections of the manual might be
helpful too.


warning: ZMK_IDLE_SLEEP_TIMEOUT (defined at ROOT/workspace/zmk/app/Kconfig:408) was assigned the
value '900000' but got the value ''. Check these unsatisfied dependencies: ZMK_SLEEP (=n). See
http://docs.zephyrproject.org/latest/kconfig.html#CONFIG_ZMK_IDLE_SLEEP_TIMEOUT and/or look up
ZMK_IDLE_SLEEP_TIMEOUT in the menuconfig/guiconfig interface. The Application Development Primer,
Setting Configuration Values, and Kconfig - Tips and Best Practices sections of the manual might be
helpful too.


warning: EC11 (defined at ROOT/workspace/zmk/app/module/drivers/sensor/ec11/Kconfig:4) was assigned
the value 'y' but got the value 'n'. Check these unsatisfied dependencies: DT_HAS_ALPS_EC11_ENABLED
(=n). See http://docs.zephyrproject.org/latest/kconfig.html#CONFIG_EC11 and/or look up EC11 in the
menuconfig/guiconfig interface. The Application Development Primer, Setting Configuration Values,
and Kconfig - Tips and Best Practices sections of the manual might be helpful too.


warning: Deprecated symbol NRF_STORE_REBOOT_TYPE_GPREGRET is enabled.

Configuration saved to 'ROOT/build/zephyr/.config'
`;

async function said(t: ExecutionContext, conf: string, cmakeArgs?: string): Promise<string[]> {
  const root = await temporaryDirectory(t);
  const at = (name: string) => path.join(root, name);
  writeFiles(root, {
    'corne/config/corne.conf': conf,
    'workspace/zmk/app/boards/shields/corne/corne_right.conf': 'CONFIG_ZMK_USB=y\n',
    log: LOG.replaceAll('ROOT', root),
  });
  const target = {
    board: 'nice_nano_v2',
    artifactName: 'right',
    ...(cmakeArgs === undefined ? {} : { cmakeArgs }),
  };
  const places = new PathMap({
    ...{ buildDirectory: at('build'), configDirectory: at('corne'), workspace: at('workspace') },
    seen: [{ seen: at('copy/config'), here: at('corne/config') }],
  });
  return settingsWithoutEffect({ logFile: at('log'), target, configDirectory: at('corne'), pathMap: places });
}

test('a setting of the config with another result is reported with its place and the reason', async t => {
  const conf = '# Sleep\nCONFIG_ZMK_IDLE_SLEEP_TIMEOUT=900000\nCONFIG_ZMK_BLE=y\n CONFIG_EC11=y\n';
  t.deepEqual(await said(t, conf), [
    'config/corne.conf:2: CONFIG_ZMK_IDLE_SLEEP_TIMEOUT=900000 has no effect: it depends on ZMK_SLEEP.',
    'config/corne.conf:4: CONFIG_EC11=y has no effect: it depends on DT_HAS_ALPS_EC11_ENABLED.',
  ]);
});

test('dependencies are reported whole, however Kconfig breaks its lines', async t => {
  t.deepEqual(await said(t, 'CONFIG_ZMK_USB=y\n'), [
    'config/corne.conf:1: CONFIG_ZMK_USB=y has no effect: it depends on (!ZMK_SPLIT || (ZMK_SPLIT && ZMK_SPLIT_ROLE_CENTRAL)).',
  ]);
});

test("an argument for CMake is the user's own, and what ZMK sets itself is not", async t => {
  t.deepEqual(await said(t, '', '-DCONFIG_EC11=y -DX=1'), [
    'cmake-args: CONFIG_EC11=y has no effect: it depends on DT_HAS_ALPS_EC11_ENABLED.',
  ]);
  t.deepEqual(await said(t, 'CONFIG_EC11=n\n#CONFIG_ZMK_USB=y\n'), []);
});
