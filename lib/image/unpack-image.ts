/** The layers of an image as directories that overlay takes, each unpacked once. */
import { ImageError } from '../errors.js'
import type { LayerOwners } from '../layer/layer-owners.js'
import { unpackLayer } from '../layer/unpack.js'
import { readChunks } from '../sys/large-file.js'
import { hasBlob } from './depot/blobs.js'
import type { Depot } from './depot/depot.js'
import { hexOf } from './digest.js'
import type { Descriptor } from './documents.js'
import { filesAt, fillOnce } from './fill-once.js'
import { inParallel } from './in-parallel.js'
import type { OnProgress } from './progress.js'
import { isRoot, layerFolder } from './store-owners.js'
import type { Image } from './stored-image.js'

/** A layer takes a processor for the decompression and one for the rest. */
const AT_ONCE = 2

export interface LayerUnpacking {
  readonly depot: Depot
  readonly layer: Descriptor
  readonly diffId: string
  readonly owners: LayerOwners
  readonly onProgress: OnProgress
  readonly signal: AbortSignal | undefined
}

/** Where the layer with this digest of its archive is, or will be. */
const placeOf = (diffId: string, owners: LayerOwners): readonly [string, string, string] => [
  'layers',
  layerFolder(owners),
  hexOf(diffId),
]

/**
 * Unpacks a layer unless that has been done; of several who want it at the same time, in whatever process, one does. It appears whole.
 * @throws {ImageError} ERR_IMAGE_STORE if its blob is missing; what `unpackLayer` throws
 */
export async function unpackOnce({ depot, layer, diffId, owners, onProgress, signal }: LayerUnpacking): Promise<void> {
  const { digest } = layer
  const source = depot.blobPath(digest)
  const fill = async (target: string): Promise<void> => {
    if (!(await hasBlob(depot, layer))) {
      const message = `${source}: it is missing: pull or import the image again`
      throw new ImageError('ERR_IMAGE_STORE', message, { path: digest })
    }
    onProgress({ type: 'unpacking', digest })
    await writeLayer({ layer, diffId, owners, target, source, signal })
  }
  const isWritten = await fillOnce({ depot, place: placeOf(diffId, owners), fill, signal })
  onProgress({ type: 'unpacked', digest, how: isWritten ? 'written' : 'exists', squashed: owners === 'squashed' })
}

interface Writing {
  readonly layer: Descriptor
  readonly diffId: string
  readonly owners: LayerOwners
  readonly target: string
  readonly source: string
  readonly signal: AbortSignal | undefined
}

async function writeLayer({ layer, diffId, owners, target, source, signal }: Writing): Promise<void> {
  await unpackLayer({
    stream: readChunks(source),
    mediaType: layer.mediaType,
    diffId,
    target,
    overlay: isRoot() ? 'trusted' : 'user',
    owners,
    // The layer is taken for whole when it can be seen, also after a power cut.
    durable: true,
    ...(signal !== undefined && { signal }),
  })
}

interface Unpacking {
  readonly depot: Depot
  readonly image: Image
  readonly owners: LayerOwners
  readonly onProgress: OnProgress
  readonly signal: AbortSignal | undefined
}

/** Unpacks what is missing. Returns the directories, base first. */
export async function unpackLayers({
  depot,
  image,
  owners,
  onProgress,
  signal,
}: Unpacking): Promise<readonly string[]> {
  const { diff_ids: ids } = image.config.rootfs
  const layers = image.manifest.layers.map((layer, index) => ({ layer, diffId: ids[index] ?? '' }))
  const different = [...new Map(layers.map(each => [each.diffId, each])).values()]
  await inParallel(different, { limit: AT_ONCE, signal }, ({ layer, diffId }, aborted) =>
    unpackOnce({ depot, layer, diffId, owners, onProgress, signal: aborted }),
  )
  // Overlay refuses a directory that it is given twice; of layers that are the same, the upper one hides the lower.
  const paths = ids.map(diffId => filesAt(depot, placeOf(diffId, owners)))
  return paths.filter((path, index) => paths.lastIndexOf(path) === index)
}
