/** Compiles the allow-list with the cache in argv[2], and prints its size and which native libraries were loaded. */
import { readFileSync } from 'node:fs'
import { compileFilter } from '../../../lib/seccomp/filter.js'
import { allowList } from './profile.js'

const { program } = compileFilter({ seccomp: allowList(), cacheDirectory: process.argv[2] ?? null })
const maps = readFileSync('/proc/self/maps', 'utf8')
const loaded = ['libseccomp', 'ffi_bindings', 'libtsrun'].filter(name => maps.includes(name))
process.stdout.write(JSON.stringify({ instructions: program.length / 8, loaded }))
