import { resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Images, ListedImage } from '../../image/index.js'
import type { Command, Flag, Flags } from '../command.js'
import { UsageError } from '../command-line.js'
import { ownersOf, SQUASH_FLAG, STORE_FLAGS, storeOptions } from '../image-flags.js'
import { print } from '../log.js'
import { sizeText, transferLines } from '../transfer-lines.js'
import { runVerb, type Verbs, verbTexts } from '../verbs.js'
import { table } from './list.js'

interface Work {
  readonly images: Images
  readonly args: readonly string[]
  readonly flags: Flags
  readonly signal: AbortSignal
  readonly onProgress: ReturnType<typeof transferLines>['onProgress']
}

const VERBS: Verbs<Work> = {
  pull: {
    ...{ usage: 'pull NAME', does: 'fetch an image, but for what is there already' },
    ...{ flags: ['platform', 'unpack', 'squash', 'quiet'], arguments: { min: 1, max: 1 } },
    run: pull,
  },
  ls: {
    ...{ usage: 'ls', does: 'list the images of the store' },
    ...{ flags: ['format', 'quiet'], arguments: { min: 0, max: 0 } },
    run: list,
  },
  inspect: {
    ...{ usage: 'inspect NAME', does: 'print its manifest and configuration as JSON' },
    ...{ flags: [], arguments: { min: 1, max: 1 } },
    run: async ({ images, args: [name = ''] }) => print(`${JSON.stringify(await images.get(name), null, 2)}\n`),
  },
  unpack: {
    ...{ usage: 'unpack NAME', does: 'unpack its layers, and print their directories, base first' },
    ...{ flags: ['squash', 'quiet'], arguments: { min: 1, max: 1 } },
    run: async ({ images, args: [name = ''], flags, signal, onProgress }) => {
      await using unpacked = await images.unpack(name, { signal, onProgress, ...ownersOf(flags) })
      print(unpacked.layers.map(layer => `${layer}\n`).join(''))
    },
  },
  import: {
    ...{ usage: 'import PATH [NAME]', does: 'take images from an archive, or from the directory of an image layout' },
    ...{ flags: ['as-root'], arguments: { min: 1, max: 2 } },
    run: async ({ images, args: [path = '', name], flags, signal }) => {
      if (flags.isOn('as-root')) {
        if (name === undefined) throw new UsageError('image import --as-root needs a name for the image')
        return print(`${(await images.importRoot(resolve(path), name, { signal })).name}\n`)
      }
      const found = await images.import(resolve(path), { signal, ...(name !== undefined && { name }) })
      print(found.map(image => `${image.name}\n`).join(''))
    },
  },
  export: {
    ...{ usage: 'export NAME PATH|-', does: 'write an archive, or an image layout into a new directory' },
    ...{ flags: ['format'], arguments: { min: 2, max: 2 } },
    run: exportTo,
  },
  commit: {
    ...{ usage: 'commit UPPER BASE NEW', does: 'a new image, with what "run --upper UPPER" has kept' },
    ...{ flags: ['message'], arguments: { min: 3, max: 3 } },
    run: async ({ images, args: [upper = '', base = '', name = ''], flags, signal }) => {
      const message = flags.text('message')
      const options = { base, signal, ...(message !== undefined && { message }) }
      print(`${(await images.commit(resolve(upper, 'upper'), name, options)).digest}\n`)
    },
  },
  push: {
    ...{ usage: 'push NAME [TO]', does: 'send an image to its registry, or to another name' },
    ...{ flags: ['quiet'], arguments: { min: 1, max: 2 } },
    run: async ({ images, args: [name = '', to], signal, onProgress }) => {
      const { digest } = await images.push(name, { signal, onProgress, ...(to !== undefined && { to }) })
      print(`${digest}\n`)
    },
  },
  tag: {
    ...{ usage: 'tag NAME NEW', does: 'give an image one more name' },
    ...{ flags: [], arguments: { min: 2, max: 2 } },
    run: async ({ images, args: [name = '', to = ''] }) => void (await images.tag(name, to)),
  },
  rm: {
    ...{ usage: 'rm NAME...', does: 'take names away, and remove what nobody needs any more' },
    ...{ flags: ['force'], arguments: { min: 1, max: Number.POSITIVE_INFINITY } },
    run: async ({ images, args, flags, signal }) => {
      for (const name of args) await images.remove(name, { force: flags.isOn('force'), signal })
    },
  },
  prune: {
    ...{ usage: 'prune', does: 'remove what no name leads to and no container uses' },
    ...{ flags: ['all'], arguments: { min: 0, max: 0 } },
    run: async ({ images, flags, signal }) => {
      const { names, blobs, layers, bytes } = await images.prune({ all: flags.isOn('all'), signal })
      print(`removed ${names.length} names, ${blobs.length} blobs (${sizeText(bytes)}), ${layers} unpacked layers\n`)
    },
  },
}

const FLAGS: readonly Flag[] = [
  { name: 'platform', value: 'OS/ARCH', help: 'pull: for another machine than this one' },
  { name: 'unpack', help: 'pull: unpack each layer as soon as it is there' },
  { name: 'quiet', short: 'q', help: 'pull, push, unpack: say nothing of the progress; ls: digests only' },
  {
    name: 'format',
    short: 'f',
    value: 'FORMAT',
    completes: ['table', 'json', 'archive', 'layout'],
    help: 'ls: table (default) or json; export: archive (default) or layout',
  },
  { ...SQUASH_FLAG, help: `pull, unpack: ${SQUASH_FLAG.help}` },
  { name: 'as-root', help: 'import: the path is a directory or an archive with the files of a root' },
  { name: 'message', short: 'm', value: 'TEXT', help: 'commit: for the history' },
  { name: 'force', help: 'rm: also if a container uses the image' },
  { name: 'all', short: 'a', help: 'prune: names too, but for those of images that a container uses' },
]

export const command: Command = {
  summary: 'pull, push and keep images',
  usage: 'VERB [options] [ARGUMENT...]',
  description: verbTexts(VERBS),
  flags: [...FLAGS, ...STORE_FLAGS],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  completes: [Object.keys(VERBS)],
  run: call =>
    runVerb({ command: 'image', verbs: VERBS, known: FLAGS }, call, async ({ verb, args, flags }, signal) => {
      const { openImages } = await import('../image-library.js')
      const lines = transferLines({ quiet: flags.isOn('quiet') })
      const images = openImages(storeOptions(flags))
      await verb.run({ images, args, flags, signal, onProgress: lines.onProgress })
      lines.end()
    }),
}

async function pull({ images, args: [name = ''], flags, signal, onProgress }: Work): Promise<void> {
  const platform = flags.text('platform')
  const options = {
    unpack: flags.isOn('unpack'),
    ...ownersOf(flags),
    signal,
    onProgress,
    ...(platform !== undefined && { platform }),
  }
  print(`${(await images.pull(name, options)).digest}\n`)
}

const HEADER = ['NAME', 'DIGEST', 'PLATFORM', 'SIZE']
const SHORT = 'sha256:'.length + 12

async function list({ images, flags }: Work): Promise<void> {
  const format = formatOf(flags, ['table', 'json'])
  const all = await images.list()
  if (flags.isOn('quiet')) print(all.map(({ digest }) => `${digest}\n`).join(''))
  else if (format === 'json') print(`${JSON.stringify(all.map(plain))}\n`)
  else print(table(HEADER, all.map(shownRow)))
}

const plain = ({ name, digest, image, problem }: ListedImage): object => ({
  ...{ name, digest, problem },
  ...(image !== null && { platform: image.platform, size: image.size }),
})

/** What is in an image is somebody else's: nothing that a terminal would take for a command. */
const shownRow = (listed: ListedImage): readonly string[] => row(listed).map(cell => cell.replace(/\p{Cc}/gu, '?'))

function row({ name, digest, image, problem }: ListedImage): readonly string[] {
  const shown = name ?? '-'
  if (image === null) return [shown, digest.slice(0, SHORT), '-', problem ?? '']
  const { os, architecture, variant } = image.platform
  return [shown, digest.slice(0, SHORT), [os, architecture, variant].filter(Boolean).join('/'), sizeText(image.size)]
}

function formatOf<T extends string>(flags: Flags, known: readonly T[]): T | undefined {
  const given = flags.text('format')
  const format = known.find(each => each === given)
  if (given !== undefined && format === undefined)
    throw new UsageError(`invalid format option: ${given} (${known.join(', ')})`)
  return format
}

async function exportTo({ images, args: [name = '', path = ''], flags, signal }: Work): Promise<void> {
  const format = formatOf(flags, ['archive', 'layout']) ?? 'archive'
  if (path !== '-') return images.export(name, resolve(path), { format, signal })
  if (format === 'layout') throw new UsageError('a layout is a directory: name it')
  await pipeline(images.archive(name, { signal }), process.stdout, { end: false })
}
