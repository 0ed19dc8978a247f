/**
 * MDC codes by name: 11073-10101 reference identifiers as 32-bit numbers (partition x 65536 + term). Each is a row of the
 * vital-sign table.
 */
export const MDC = {
  heartRate: 147842, // MDC_ECG_HEART_RATE
  pulse: 149514, // MDC_PULS_RATE
  bloodPressure: 150020, // MDC_PRESS_BLD_NONINV
  systolic: 150021, // MDC_PRESS_BLD_NONINV_SYS
  diastolic: 150022, // MDC_PRESS_BLD_NONINV_DIA
  meanPressure: 150023, // MDC_PRESS_BLD_NONINV_MEAN
  cuffPulse: 149546, // MDC_PULS_RATE_NON_INV
  temperature: 150364, // MDC_TEMP_BODY
  respiratoryRate: 151562, // MDC_RESP_RATE
  oxygenSaturation: 150456, // MDC_PULS_OXIM_SAT_O2
  oximeterPulse: 149530, // MDC_PULS_OXIM_PULS_RATE
  perfusion: 150448, // MDC_PULS_OXIM_PERF_REL
  glucose: 160212, // MDC_CONC_GLU_ISF
  capillaryGlucose: 160184, // MDC_CONC_GLU_CAPILLARY_WHOLEBLOOD
  capillaryPlasmaGlucose: 160188, // MDC_CONC_GLU_CAPILLARY_PLASMA
  venousGlucose: 160192, // MDC_CONC_GLU_VENOUS_WHOLEBLOOD
  venousPlasmaGlucose: 160196, // MDC_CONC_GLU_VENOUS_PLASMA
  arterialGlucose: 160200, // MDC_CONC_GLU_ARTERIAL_WHOLEBLOOD
  arterialPlasmaGlucose: 160204, // MDC_CONC_GLU_ARTERIAL_PLASMA
  bloodGlucose: 160364, // MDC_CONC_GLU_UNDETERMINED_WHOLEBLOOD
  plasmaGlucose: 160368, // MDC_CONC_GLU_UNDETERMINED_PLASMA
  glycatedHemoglobin: 160220, // MDC_CONC_HBA1C
  carbohydrates: 8417764, // MDC_CTXT_GLU_CARB
  medication: 8417796, // MDC_CTXT_MEDICATION
  exercise: 8417760, // MDC_CTXT_GLU_EXERCISE
  weight: 188736, // MDC_MASS_BODY_ACTUAL
  height: 188740, // MDC_LEN_BODY_ACTUAL
  bodyMassIndex: 188752, // MDC_RATIO_MASS_BODY_LEN_SQ
  bodyFat: 188748, // MDC_BODY_FAT
  fatFreeMass: 188756, // MDC_MASS_BODY_FAT_FREE
  softLeanMass: 188760, // MDC_MASS_BODY_SOFT_LEAN
  bodyWater: 188764, // MDC_BODY_WATER
  speed: 8454254, // MDC_HF_SPEED
  cadence: 8454255, // MDC_HF_CAD
  battery: 67996, // MDC_ATTR_VAL_BATT_CHARGE
} as const;
