// West workspaces: their state, the lookup for a config, and their management.
export type { ArchiveProgress } from './archive/entry.ts';
export { describeWorkspace, workspaceDifferences } from './describe.ts';
export { type FindWorkspaceOptions, findWorkspace, useWorkspace } from './find.ts';
export { type IdentityOptions, type WorkspaceIdentity, workspaceIdentity } from './identity.ts';
export type { MakeOptions, WorkspaceEvent } from './make.ts';
export { projectNames } from './project-names.ts';
export type { ProjectChanges, ProjectState } from './project-state.ts';
export { type ManifestProject, manifestProjects, type ZmkPlaces, zmkPlaces } from './projects.ts';
export { WORKSPACES_MAX_SIZE } from './prune.ts';
export { type WorkspaceResult, WorkspaceService, type WorkspaceServiceOptions } from './service.ts';
export { type KnownWorkspace, WorkspaceStore, workspaceRoot } from './store.ts';
export { parseWestConfig } from './west-config.ts';
export { configManifest, readManifest, type WestManifest } from './west-manifest.ts';
export { WorkspaceError } from './workspace-error.ts';
