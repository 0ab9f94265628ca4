"""The detector equals the library's model, in less memory."""

import numpy as np
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from stream_jobs.domain.detector import LANGUAGES
from stream_jobs.loading import load_detector


def test_integer_table_equals_the_models_weights() -> None:
    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    model.set_languages(LANGUAGES)
    assert np.array_equal(load_detector()._table / 512, model.nb_ptc)


def test_finds_the_models_features_in_every_script() -> None:
    detector, model = load_detector(), LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    text = "j'accuse elle l'a dit - не молчи größte کشتی 港が開いた ประตู ꦧꦱ a\u0301\U0001f6a2".encode()
    state, features = 0, []
    for byte in text:
        state = model.tk_nextmove[(model.tk_row[state] << 8) + byte]
        features += [model.tk_output[state]] if model.tk_output[state] >= 0 else []
    assert detector._walk(0, text) == (state, features)
    assert len(features) > 50
