/** What the parts of an image are called, by OCI's image-spec and by Docker's schema 2. */

export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json'
export const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar'
export const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json'
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
export const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json'
const DOCKER_LAYER = 'application/vnd.docker.image.rootfs.diff.tar'

export const INDEX_TYPES: readonly string[] = [OCI_INDEX, DOCKER_LIST]
export const MANIFEST_TYPES: readonly string[] = [OCI_MANIFEST, DOCKER_MANIFEST]
export const CONFIG_TYPES: readonly string[] = [OCI_CONFIG, DOCKER_CONFIG]
/** Schema 1, which has no digests of layers that can be trusted: refused by its name. */
export const SCHEMA_1: readonly string[] = [
  'application/vnd.docker.distribution.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
]

/** How a layer is packed; null for what is no layer. */
export function packingOf(mediaType: string): 'none' | 'gzip' | 'zstd' | null {
  const base = mediaType.replace('.layer.nondistributable.', '.layer.').replace('.rootfs.foreign.', '.rootfs.')
  if (base === OCI_LAYER || base === DOCKER_LAYER) return 'none'
  if (base === `${OCI_LAYER}+gzip` || base === `${DOCKER_LAYER}.gzip`) return 'gzip'
  return base === `${OCI_LAYER}+zstd` || base === `${DOCKER_LAYER}.zstd` ? 'zstd' : null
}
