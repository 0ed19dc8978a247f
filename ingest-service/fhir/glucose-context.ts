/** What was around a glucose measurement, in FHIR: the flags of its context as 11073-10101 codes. */
import { QUALITY_FLAGS, type QualityFlag } from '../../protocol/gatt/quality.ts';
import { MDC } from '../../protocol/mdc.ts';
import { type CodeableConcept, type Coding, MDC_SYSTEM } from './elements.ts';

/** MDC_CTXT_GLU_MEAL */
const MEAL = '8417864';

/** By flag; null where no code is known and only words say it. */
const MEALS: Readonly<Partial<Record<QualityFlag, string | null>>> = {
  'before-meal': '8417868', // MDC_CTXT_GLU_MEAL_PREPRANDIAL
  'after-meal': '8417872', // MDC_CTXT_GLU_MEAL_POSTPRANDIAL
  fasting: '8417876', // MDC_CTXT_GLU_MEAL_FASTING
  'casual-meal': '8417880', // MDC_CTXT_GLU_MEAL_CASUAL
  bedtime: null,
};

const KINDS: ReadonlyMap<number, Readonly<Partial<Record<QualityFlag, string>>>> = new Map([
  [
    MDC.carbohydrates, // MDC_CTXT_GLU_CARB_*
    {
      breakfast: '8417768',
      lunch: '8417772',
      dinner: '8417776',
      snack: '8417780',
      drink: '8417784',
      supper: '8417788',
      brunch: '8417792',
    },
  ],
  [
    MDC.medication, // MDC_CTXT_MEDICATION_*
    {
      'rapid-acting': '8417800',
      'short-acting': '8417804',
      'intermediate-acting': '8417808',
      'long-acting': '8417812',
      premixed: '8417816',
    },
  ],
]);

/** The meal that a measurement belongs to, as a component of it. */
export interface CodedComponent {
  readonly code: CodeableConcept;
  readonly valueCodeableConcept: CodeableConcept;
}

/** One component for the meal, none where nothing was said of it. */
export function mealComponents(flags: readonly string[]): CodedComponent[] {
  return flags.filter(isMeal).map((flag) => ({
    code: { coding: [{ system: MDC_SYSTEM, code: MEAL }], text: 'Meal' },
    valueCodeableConcept: {
      ...(MEALS[flag] && { coding: [{ system: MDC_SYSTEM, code: MEALS[flag] }] }),
      text: QUALITY_FLAGS[flag],
    },
  }));
}

function isMeal(flag: string): flag is QualityFlag {
  return Object.hasOwn(MEALS, flag);
}

/** Codes of what exactly was eaten or taken, beside that of the vital sign. */
export function kindCodings(vital: number, flags: readonly string[]): Coding[] {
  const kinds = KINDS.get(vital) ?? {};
  return flags
    .filter((flag) => Object.hasOwn(kinds, flag))
    .map((flag) => ({ system: MDC_SYSTEM, code: kinds[flag as QualityFlag]! }));
}
