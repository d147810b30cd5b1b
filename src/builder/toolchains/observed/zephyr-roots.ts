// What Zephyr finds by patterns in a root: boards and shields, devicetree sources and bindings, snippets.

/** The folders of a root that are searched: any name in them may matter. */
export const ROOT_FOLDERS = ['boards', 'dts', 'include', 'snippets', 'soc', 'arch', 'zephyr'];

/** What is read in these folders without being recorded: descriptions of boards, bindings and modules. */
export const UNRECORDED = /\.ya?ml$|\/vendor-prefixes\.txt$|\/Kconfig[^/]*$/;
