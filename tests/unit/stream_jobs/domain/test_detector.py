"""That the detector holds all of the library's model, in less memory."""

import numpy as np
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from stream_jobs.domain.detector import LANGUAGES
from stream_jobs.loading import load_detector


def test_the_models_numbers_lose_nothing_as_whole_numbers() -> None:
    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    model.set_languages(LANGUAGES)
    assert np.array_equal(load_detector()._table / 512, model.nb_ptc)


def test_small_words_of_every_script_lead_to_the_models_own_features() -> None:
    detector, model = load_detector(), LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    text = "j'accuse elle l'a dit - не молчи größte کشتی 港が開いた ประตู ꦧꦱ a\u0301\U0001f6a2".encode()
    state, features = 0, []
    for byte in text:
        state = model.tk_nextmove[(model.tk_row[state] << 8) + byte]
        features += [model.tk_output[state]] if model.tk_output[state] >= 0 else []
    assert detector._walk(0, text) == (state, features)
    assert len(features) > 50
