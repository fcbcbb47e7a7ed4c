/** `npm run bench` measures the library and the command, `-- engines` what there is under engines, `-- sandbox` sandboxes. */
const FILES = { engines: './engines/run.mjs', sandbox: './sandbox/main.mjs' }
await import(FILES[process.argv[2]] ?? './run.mjs')
