from lecturelib import adaptive as adaptive
from lecturelib import advice as advice
from lecturelib import claims as claims
from lecturelib import datasets as datasets
from lecturelib import explorers as explorers
from lecturelib import hogwild as hogwild
from lecturelib import least_squares as least_squares
from lecturelib import networks as networks
from lecturelib import parallel as parallel
from lecturelib import plots as plots
from lecturelib import questions as questions
from lecturelib import records as records
from lecturelib import sweep as sweep
from lecturelib.least_squares import schemes as schemes
from lecturelib.least_squares import simulate as simulate
from lecturelib.networks import noise_scale as noise_scale
from lecturelib.networks import training as _training

mlp = _training  # an alias that a linter does not take for an unused import
__version__: str
