/** What the parts of an image but its layers are called, by OCI's image-spec and by Docker's schema 2. */

export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json'
export const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json'
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
export const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json'

export const INDEX_TYPES: readonly string[] = [OCI_INDEX, DOCKER_LIST]
export const MANIFEST_TYPES: readonly string[] = [OCI_MANIFEST, DOCKER_MANIFEST]
export const CONFIG_TYPES: readonly string[] = [OCI_CONFIG, DOCKER_CONFIG]
/** Schema 1, which has no digests of layers that can be trusted: refused by its name. */
export const SCHEMA_1: readonly string[] = [
  'application/vnd.docker.distribution.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
]
