// What a server cannot do. Every page reads and works without any of this.
import "./theme.js";
import "./clocks.js";
import "./palette.js";
import "./keys.js";
import "./copy.js";
import "./boost.js";
import "./live.js";
