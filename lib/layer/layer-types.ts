/** What layers are called, by OCI's image-spec and by Docker's schema 2. */

export const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar'
const DOCKER_LAYER = 'application/vnd.docker.image.rootfs.diff.tar'

/** How a layer is packed; null for what is no layer. */
export function packingOf(mediaType: string): 'none' | 'gzip' | 'zstd' | null {
  const base = mediaType.replace('.layer.nondistributable.', '.layer.').replace('.rootfs.foreign.', '.rootfs.')
  if (base === OCI_LAYER || base === DOCKER_LAYER) return 'none'
  if (base === `${OCI_LAYER}+gzip` || base === `${DOCKER_LAYER}.gzip`) return 'gzip'
  return base === `${OCI_LAYER}+zstd` || base === `${DOCKER_LAYER}.zstd` ? 'zstd' : null
}
