/** A change of one place. `was` stands in the file exactly once, and is short, so that it is easily found again. */
export interface Edit {
  readonly file: string;
  readonly was: string;
  readonly is: string;
}

/** One mistake that somebody could make, put into the real code. */
export interface Mutant extends Edit {
  /** What goes wrong, in the words of whoever would suffer from it. */
  readonly harm: string;
  /** Which tests must notice; left out, those of the machines and the simulations. All of one kind: in Node, or in the runtime. */
  readonly tests?: readonly string[];
  /** Another mechanism that keeps the same harm away. It is switched off, or it would hide whether the mistake is noticed. */
  readonly without?: Edit & { readonly mechanism: string };
}

/** Everything that a mutant changes. */
export const editsOf = ({ file, was, is, without }: Mutant): readonly Edit[] => [
  { file, was, is },
  ...(without ? [without] : []),
];
