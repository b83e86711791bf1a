export { AU_CENTRE_TABLE, type AuCentreRule } from './au-centre-table.js';
export { auCentres, auMaps, type AuMapOptions } from './au-maps.js';
