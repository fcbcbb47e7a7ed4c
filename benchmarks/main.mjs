/** `npm run bench` measures the library and the command, `npm run bench -- engines` what there is under engines. */
await import(process.argv[2] === 'engines' ? './engines/run.mjs' : './run.mjs')
