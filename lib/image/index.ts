/** tsrun/image: from the name of an image to a root file system, and back. */

export type { CommitOptions } from './commit-image.js'
export type { CopyOptions, CopyRoot } from './copy-merged.js'
export { copyUpper } from './copy-upper.js'
export type { Descriptor, HistoryEntry, ImageConfig, ImageIndex, ImageManifest, ProcessDefaults } from './documents.js'
export {
  type Images,
  type ImagesOptions,
  type ListedImage,
  openImages,
  type UnpackedImage,
  type UnpackImageOptions,
} from './images.js'
export type { Platform } from './platform.js'
export type { ImageProgress, OnProgress } from './progress.js'
export type { Pruned, PruneOptions, RemoveImageOptions } from './prune-images.js'
export type { PullOptions } from './pull.js'
export type { Pushed, PushOptions } from './push.js'
export { parseReference, type Reference, referenceText } from './reference.js'
export type { Credentials, FindCredentials } from './registry/credentials.js'
export type { RegistryOptions } from './registry/registries.js'
export { type RuntimeConfigOptions, runtimeConfig } from './runtime-config.js'
export type { Image } from './stored-image.js'
export type { VolumeMount } from './volume-mounts.js'
export type { Volume, VolumeOptions, Volumes } from './volumes.js'
