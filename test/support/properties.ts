/**
 * Properties get the same cases in every run of the suite, so that a change and its failure go together.
 * `PROPERTY_SEED=$RANDOM npm test` looks elsewhere; a failure prints the seed and the path to it.
 */
import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env['PROPERTY_SEED'] ?? 1) });
