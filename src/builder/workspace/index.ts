// West workspaces: what state one is in, which one a config is built in, and keeping them.
export type { ArchiveProgress } from './archive/entry.ts';
export { describeWorkspace, workspaceDifferences } from './describe.ts';
export { type FindWorkspaceOptions, findWorkspace, useWorkspace } from './find.ts';
export { type IdentityOptions, type WorkspaceIdentity, workspaceIdentity } from './identity.ts';
export type { MakeOptions, WorkspaceEvent } from './make.ts';
export { configManifest, type Manifest, readManifest } from './manifest.ts';
export { projectNames } from './names.ts';
export type { ProjectChanges, ProjectState } from './project-state.ts';
export { type ManifestProject, manifestProjects, type ZmkPlaces, zmkPlaces } from './projects.ts';
export { type WorkspaceResult, WorkspaceService, type WorkspaceServiceOptions } from './service.ts';
export { parseSettings } from './settings.ts';
export { type KnownWorkspace, WorkspaceStore, workspaceRoot } from './store.ts';
export { WORKSPACES_MAX_SIZE } from './tidy.ts';
export { WorkspaceError } from './workspace-error.ts';
