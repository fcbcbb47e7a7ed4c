/**
 * Makes a container whose namespaces fail: to be run under strace, which lets unshare fail and holds every clone for a while, so that the
 * process that goes on tells of it before its parent tells of that process. Prints as JSON what has come of it. unshare.mjs ROOT BUNDLE ID
 */
import { readFileSync } from 'node:fs'
import { createRuntime } from '../../../dist/index.js'

const [root, bundle, id] = process.argv.slice(2)
const failed = await createRuntime({ root })
  .create({ id, bundle, stdio: 'ignore' })
  .catch(reason => reason)
const left = readFileSync('/proc/thread-self/children', 'utf8')
console.log(JSON.stringify({ code: failed.code, configPath: failed.configPath, syscall: failed.syscall, left }))
