// One piece of work on a store, in a process that can be killed: `store-work.mjs WORK`, in JSON. Says "begun" before, and "done" after it.
import { openImages } from '../../dist/image/index.js'

const { verb, directory, name, path } = JSON.parse(process.argv[2])
const images = openImages({ directory })
const verbs = {
  pull: () => images.pull(name, { unpack: true }),
  unpack: async () => (await images.unpack(name)).release(),
  import: () => images.import(path),
  commit: () => images.importRoot(path, name),
  remove: () => images.remove(name),
  prune: () => images.prune({ all: true }),
}

console.log('begun')
await verbs[verb]()
console.log('done')
