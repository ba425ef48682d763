"""The training loop: it learns, repeats itself, survives Ctrl-C, explains NaN, resumes from a file."""

from __future__ import annotations

import math
from functools import partial
from itertools import product
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from d2lmini import (
    History,
    TrainingDiverged,
    evaluate,
    load_checkpoint,
    minibatches,
    one_cycle,
    predict,
    progress,
    random_flip,
    random_shift,
    save_checkpoint,
    train,
)
from d2lmini.progress import choose_display
from d2lmini.training import length_of, moved, seed_epoch, train_epoch


@pytest.fixture
def data():
    """Two classes told apart by which half of the image is bright."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(200) % 2
    images = torch.randint(0, 100, (200, 1, 28, 28), generator=generator, dtype=torch.uint8)
    images[labels == 0, :, :14] += 100
    images[labels == 1, :, 14:] += 100
    return SimpleNamespace(
        train_images=images[:150],
        train_labels=labels[:150],
        test_images=images[150:],
        test_labels=labels[150:],
    )


def small_model(dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(784, 2))


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_it_learns(data):
    model = small_model()
    before = evaluate(model, data.test_images, data.test_labels)
    history = train(model, data, num_epochs=3, batch_size=16, lr=0.05)
    assert before < 0.8 < 0.95 < history.test_accuracy[-1]
    assert history.test_accuracy[-1] == evaluate(model, data.test_images, data.test_labels)
    assert history.train_loss[-1] < history.train_loss[0]
    assert len(history) == len(history.train_loss) == len(history.train_accuracy) == 3


def test_one_epoch_is_the_bare_loop(data):
    """The same weights as a loop written from the definition, to the last bit."""
    model, by_hand = small_model(), small_model()
    train(model, data, num_epochs=1, batch_size=64, lr=0.1, seed=5)
    order = torch.randperm(150, generator=seed_epoch(5, 0))
    for rows in order.split(64):
        loss = F.cross_entropy(by_hand(data.train_images[rows].float() / 255), data.train_labels[rows])
        grads = torch.autograd.grad(loss, list(by_hand.parameters()))
        with torch.no_grad():
            for parameter, grad in zip(by_hand.parameters(), grads, strict=True):
                parameter -= 0.1 * grad
    torch.testing.assert_close(weights(model), weights(by_hand))


def test_the_same_seed_gives_the_same_weights_and_another_doesnt(data):
    def run(seed):
        model = small_model(dropout=0.5)
        train(model, data, num_epochs=2, batch_size=32, seed=seed, augment=random_flip)
        return weights(model)

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))


def test_epochs_are_shuffled_differently():
    orders = [torch.randperm(50, generator=seed_epoch(0, epoch)) for epoch in range(3)]
    assert not torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[1], orders[2])


def test_every_seed_and_epoch_has_a_seed_of_its_own():
    seeds = set()
    for seed in range(3):
        for epoch in range(4):
            generator = seed_epoch(seed, epoch)
            assert generator.initial_seed() == torch.initial_seed()  # dropout draws from torch's own
            seeds.add(generator.initial_seed())
    assert len(seeds) == 12


def test_every_epoch_of_a_training_is_shuffled_anew(data):
    seen = []
    train(small_model(), data, num_epochs=2, batch_size=150, augment=lambda x, _: seen.append(x) or x)
    assert not torch.equal(*seen)


def test_the_settings_unless_said_otherwise(data):
    data.train_images, data.train_labels = (t[:130].repeat_interleave(2, dim=0) for t in
                                            (data.train_images, data.train_labels))  # fmt: skip
    sizes = []
    history = train(small_model(), data, augment=lambda x, _: sizes.append(len(x)) or x)
    assert sizes == [256, 4] * 10 and len(history) == 10


def test_settings_are_given_by_name(data):
    with pytest.raises(TypeError, match="positional"):
        train(small_model(), data, 1)
    assert len(train(model=small_model(), data=data, num_epochs=1)) == 1


def test_no_epoch_changes_nothing(data):
    model = small_model()
    before = weights(model)
    assert len(train(model, data, num_epochs=0)) == 0 and torch.equal(weights(model), before)


def test_the_accuracies_are_of_their_own_images(data):
    data.test_labels = 1 - data.test_labels  # what is right on the training images is wrong here
    history = train(small_model(), data, num_epochs=3, batch_size=16, lr=0.05)
    assert history.train_accuracy[-1] > 0.9 and history.test_accuracy[-1] < 0.1


def test_mean_loss_weighs_the_short_last_batch():
    images = torch.tensor([[0.0], [0.0], [9.0]])
    batches = [(images[:2], torch.tensor([0, 0])), (images[2:], torch.tensor([0]))]
    model = nn.Linear(1, 2)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    loss, accuracy = train_epoch(model, batches, torch.optim.SGD(model.parameters(), lr=0.0))
    assert loss == pytest.approx(math.log(2))
    assert accuracy == 1.0


def test_training_mode_while_training_and_evaluation_mode_while_testing(data):
    seen = []

    class Spy(nn.Linear):
        def forward(self, x):
            seen.append((self.training, torch.is_grad_enabled()))
            return super().forward(x)

    train(nn.Sequential(nn.Flatten(), Spy(784, 2)), data, num_epochs=1, batch_size=150)
    assert seen == [(True, True), (False, False)]


def test_predict_and_evaluate_leave_the_models_mode(data):
    model = small_model()
    assert predict(model, data.test_images, batch_size=7).shape == (50, 2)
    assert predict(model, data.test_images[:2], batch_size=1).shape == (2, 2)
    assert model.training
    evaluate(model.eval(), data.test_images, data.test_labels)
    assert not model.training


def frozen_batch_norm() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(784).eval(), nn.Dropout(), nn.Linear(784, 2))


def test_predict_and_evaluate_keep_every_modules_own_mode(data):
    model = frozen_batch_norm()
    predict(model, data.test_images)
    evaluate(model, data.test_images, data.test_labels)
    assert [module.training for module in model] == [True, False, True, True]
    with pytest.raises(RuntimeError):
        predict(model, data.test_images[..., :3])
    assert [module.training for module in model] == [True, False, True, True]


def test_the_devices_of_images_and_labels_make_no_difference(data):
    """On a GPU that is made up: torch refuses, as with a real one, to mix its tensors with the CPU's."""
    with FakeTensorMode():
        models = [nn.Sequential(nn.Flatten(), nn.Linear(784, 2)) for _ in range(2)]
        models[1][1].weight = nn.Parameter(torch.zeros(2, 784, device="cuda"))
        models[1][1].bias = nn.Parameter(torch.zeros(2, device="cuda"))
        images = [torch.zeros(5, 1, 28, 28, device=d) for d in ("cpu", "cuda")]
        labels = [torch.zeros(5, dtype=torch.int64, device=d) for d in ("cpu", "cuda")]
        for model, x, y in product(models, images, labels):
            assert predict(model, x, 2).device == model[1].weight.device
            with pytest.raises(DataDependentOutputException):  # all is computed but the number itself
                evaluate(model, x, y)
        for x, y in product(images, labels):
            pairs = list(minibatches(x, y, 2))
            assert all((a.device, b.device) == (x.device, y.device) for a, b in pairs)


def test_minibatches_of_others_are_moved_to_the_trainings_device():
    batches = [(torch.zeros(2, 3), torch.zeros(2)), (torch.zeros(2, 3), torch.zeros(2, device="meta"))]
    for images, labels in moved("data", batches, torch.device("meta")):
        assert images.is_meta and labels.is_meta


def test_predict_works_on_shapes_alone():
    with torch.device("meta"):
        model, images = nn.Sequential(nn.Flatten(), nn.Linear(784, 2)), torch.zeros(5, 1, 28, 28)
    assert predict(model, images, 2).shape == (5, 2)


def test_one_cycle_rises_to_the_learning_rate_and_falls_to_nothing():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.4)
    schedule, rates = one_cycle(optimizer, 100), []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert max(rates) == pytest.approx(0.4)
    assert rates.index(max(rates)) == pytest.approx(30, abs=2)
    assert rates[-1] < 0.001


def test_a_schedule_is_stepped_every_minibatch(data):
    steps = []

    class Count:
        def __init__(self, optimizer, num_steps):
            self.num_steps = num_steps

        def step(self):
            steps.append(self.num_steps)

    train(small_model(), data, num_epochs=2, batch_size=40, schedule=Count)
    assert steps == [8] * 8


def test_a_loss_that_is_nan_stops_with_an_explanation(data):
    def loss(logits, labels, calls=[]):  # noqa: B006  (it counts the calls)
        calls.append(1)
        return F.cross_entropy(logits, labels) * (math.nan if len(calls) > 3 else 1.0)

    with pytest.raises(
        TrainingDiverged, match="the loss became nan.*a learning rate that is too large"
    ) as info:
        train(small_model(), data, num_epochs=5, batch_size=50, loss_function=loss)
    assert len(info.value.history) == 1


def test_a_learning_rate_far_too_large_diverges(data):
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)
    )
    with pytest.raises(TrainingDiverged):
        train(model, data, num_epochs=20, batch_size=16, lr=1e6)


def test_ctrl_c_gives_back_what_was_learned(data, capsys):
    calls = []

    def interrupt(images, generator):
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return images

    model = small_model()
    start = weights(model)
    history = train(model, data, num_epochs=9, batch_size=50, augment=interrupt)
    assert len(history) == 1
    assert not torch.equal(weights(model), start)
    assert capsys.readouterr().out == "Stopped by Ctrl-C after 1 of 9 epochs.\n"


def test_ctrl_c_can_stop_a_loop_over_settings(data, capsys):
    """By what the history says; or by a second Ctrl-C, before the next training has finished an epoch."""

    def interrupted_after(calls_left):
        def interrupt(images, generator):
            nonlocal calls_left
            calls_left -= 1
            if calls_left < 0:
                raise KeyboardInterrupt
            return images

        return interrupt

    settings = {"num_epochs": 3, "batch_size": 50}
    assert not train(small_model(), data, **settings).interrupted
    assert train(small_model(), data, augment=interrupted_after(4), **settings).interrupted
    model = small_model()
    start = weights(model)
    with pytest.raises(KeyboardInterrupt):
        train(model, data, augment=interrupted_after(2), **settings)
    assert not torch.equal(weights(model), start)  # what was learned stays
    assert capsys.readouterr().out == "Stopped by Ctrl-C after 1 of 3 epochs.\n"


def batches_of(data, size=50):
    return list(zip(data.train_images.split(size), data.train_labels.split(size), strict=True))


@pytest.mark.parametrize("uint8", [True, False])
def test_any_minibatches_can_be_trained_on(data, uint8):
    """A list, a DataLoader, something of unknown length: the same steps, the same weights."""

    class Unknown:
        def __iter__(self):
            return iter(batches)

    batches = batches_of(data)
    if not uint8:
        batches = [(images / 255, labels) for images, labels in batches]
    loader = DataLoader(TensorDataset(*(torch.cat(parts) for parts in zip(*batches, strict=True))), 50)
    tests = [(data.test_images[:30], data.test_labels[:30]), (data.test_images[30:], data.test_labels[30:])]
    by_hand = small_model()
    optimizer = torch.optim.SGD(by_hand.parameters(), lr=0.05)
    for _ in range(2):
        train_epoch(by_hand, [(i if not uint8 else i / 255, k) for i, k in batches], optimizer)
    for given in (batches, loader, Unknown()):
        model = small_model()
        history = train(model, given, num_epochs=2, lr=0.05, test_data=tests, progress=True)
        assert torch.equal(weights(model), weights(by_hand))
        assert history.test_accuracy[-1] == pytest.approx(evaluate(model, data.test_images, data.test_labels))
    assert train(small_model(), iter(batches), num_epochs=1).test_accuracy[0] != 1.0


def test_without_test_images_the_history_has_none(data):
    history = train(small_model(), batches_of(data), num_epochs=1)
    assert math.isnan(history.test_accuracy[0]) and len(history) == 1
    assert repr(history) == f"History(1 epoch, training accuracy {history.train_accuracy[0]:.3f})"


def test_a_length_is_known_asked_for_and_believed():
    class Endless(IterableDataset):
        def __iter__(self):
            return iter([])

        def __len__(self):
            raise TypeError

    assert [length_of(batches) for batches in ([1, 2], iter([1, 2]), DataLoader(Endless()))] == [
        2,
        None,
        None,
    ]


def test_an_image_moves_by_one_pixel_unless_told_otherwise():
    images, generators = torch.rand(1, 1, 5, 5), [torch.Generator().manual_seed(3) for _ in range(2)]
    for _ in range(20):
        given, told = (random_shift(images, generators[0]), random_shift(images, generators[1], 1))
        assert torch.equal(given, told)


def test_a_history_names_its_last_accuracy():
    assert repr(History([1, 1], [0.1, 0.2], [math.nan, 0.5])) == "History(2 epochs, test accuracy 0.500)"


def test_a_loader_of_shuffled_images_repeats_itself(data):
    def run():
        model = small_model()
        loader = DataLoader(TensorDataset(data.train_images, data.train_labels), 40, shuffle=True)
        train(model, loader, num_epochs=2)
        return weights(model)

    assert torch.equal(run(), run())


def test_other_test_data_is_measured_in_place_of_the_data_sets_own(data):
    tests = [(data.test_images[:3], data.test_labels[:3])]
    model = small_model()
    history = train(model, data, num_epochs=1, test_data=tests)
    answers = predict(model, data.test_images[:3]).argmax(dim=1)
    assert history.test_accuracy[0] == (answers == data.test_labels[:3]).float().mean()
    assert model.training


def test_other_test_data_counts_right_answers_only():
    model = nn.Sequential(nn.Flatten(), nn.Linear(1, 3))
    nn.init.zeros_(model[1].weight)
    model[1].bias.data = torch.tensor([0.0, 1.0, 0.0])  # it answers 1, whatever comes
    batches = [(torch.zeros(4, 1), torch.tensor([0, 1, 2, 0])), (torch.zeros(1, 1), torch.tensor([1]))]
    history = train(model, batches, num_epochs=1, lr=1e-9, test_data=batches)
    assert history.test_accuracy == [2 / 5]


@pytest.mark.parametrize(
    ("given", "settings", "error", "says"),
    [
        (3, {}, TypeError, "`train_images`.*iterable of .*got int"),
        ([1, 2], {}, TypeError, r"`data` must give pairs \(images, labels\) of tensors, got int"),
        ([(torch.zeros(3, 784), [0, 1, 1])], {}, TypeError, "pairs"),
        ([(torch.zeros(3, 784), torch.zeros(2))], {}, ValueError, r"`images` \(3\) and `labels` \(2\)"),
        ([(torch.zeros(3, 784).int(), torch.zeros(3))], {}, TypeError, "uint8 or floating point"),
        ([], {}, ValueError, "at least one image"),
        (iter([]), {"num_epochs": 1}, ValueError, "at least one image"),
        (iter([]), {"num_epochs": 2}, TypeError, r"only once: `num_epochs` \(=2\)"),
        (iter([]), {"num_epochs": 1, "schedule": one_cycle}, TypeError, "must have a length"),
    ],
)
def test_bad_minibatches_are_named(given, settings, error, says):
    with pytest.raises(error, match=says):
        train(small_model(), given, **settings)


def test_no_minibatch_is_named():
    model = small_model()
    with pytest.raises(ValueError, match="at least one image"):
        train_epoch(model, [], torch.optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(ValueError, match="at least one image"):
        predict(model, torch.zeros(0, 1, 28, 28))
    with pytest.raises(TypeError, match="uint8 or floating point"):
        predict(model, torch.zeros(2, 1, 28, 28).int())


def test_no_epoch_needs_no_schedule(data, tmp_path):
    path = tmp_path / "run.pt"
    assert len(train(small_model(), data, num_epochs=0, schedule=one_cycle, checkpoint=path)) == 0
    assert not path.exists()


def stopped_at(path, data, **settings):
    """A checkpoint of two finished epochs, and the model's weights."""
    model = small_model()
    train(model, data, num_epochs=2, batch_size=50, checkpoint=path, **settings)
    return weights(model)


@pytest.mark.parametrize(
    ("first", "then", "says"),
    [
        ({}, {"optimizer": torch.optim.Adam}, "`optimizer` is torch.optim.sgd.SGD in the file"),
        (
            {"optimizer": partial(torch.optim.SGD, momentum=0.9)},
            {"optimizer": partial(torch.optim.SGD, momentum=0.5)},
            "`momentum` is 0.9 in the file, 0.5 in this call",
        ),
        (
            {"optimizer": partial(torch.optim.AdamW, betas=(0.9, 0.99))},
            {"optimizer": torch.optim.AdamW},
            r"`betas` is \(0.9, 0.99\) in the file",
        ),
        ({}, {"lr": 0.2}, "`lr` is 0.1 in the file, 0.2 in this call"),
        ({}, {"seed": 1}, "`seed` is 0 in the file"),
        ({}, {"batch_size": 40}, "`batch_size` is 50 in the file"),
        ({}, {"schedule": one_cycle}, "holds .*'optimizer'.*needs .*'schedule'"),
        ({"schedule": one_cycle}, {}, "holds .*'schedule'"),
        ({"schedule": one_cycle}, {"schedule": one_cycle, "num_epochs": 3}, "`num_epochs` is 2 .* schedule"),
        ({}, {"num_epochs": 1}, r"holds 2 finished epochs, more than `num_epochs` \(=1\)"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_before_anything_changes(data, tmp_path, first, then, says):
    path = tmp_path / "run.pt"
    stopped_at(path, data, **first)
    model, before = small_model(), path.read_bytes()
    start = weights(model)
    with pytest.raises(ValueError, match=says):
        train(model, data, **{"num_epochs": 2, "batch_size": 50, "checkpoint": path} | then)
    assert torch.equal(weights(model), start) and path.read_bytes() == before


def test_a_state_that_cant_be_loaded_changes_nothing(data, tmp_path):
    """Two optimizers of one class and one setting, but over other parameters."""
    path = tmp_path / "run.pt"
    stopped_at(path, data, optimizer=torch.optim.Adam)
    model = small_model()
    start = weights(model)
    with pytest.raises(ValueError, match="holds another optimizer"):
        train(
            model,
            data,
            num_epochs=2,
            batch_size=50,
            checkpoint=path,
            optimizer=lambda parameters, lr: torch.optim.Adam(list(parameters)[:1], lr=lr),
        )
    assert torch.equal(weights(model), start)


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, partial(torch.optim.SGD, momentum=0.9)])
def test_a_finished_run_can_be_made_longer(data, tmp_path, optimizer):
    whole, longer = small_model(), small_model()
    settings = {"num_epochs": 3, "batch_size": 50, "optimizer": optimizer}
    expected = train(whole, data, **settings)
    path = tmp_path / "run.pt"
    stopped_at(path, data, optimizer=optimizer)
    assert train(longer, data, **settings, checkpoint=path) == expected
    assert torch.equal(weights(longer), weights(whole))


def test_a_missing_folder_is_noticed_before_the_first_epoch(data, tmp_path):
    with pytest.raises(FileNotFoundError, match="must lie in a folder that exists: .*nowhere"):
        train(small_model(), data, checkpoint=tmp_path / "nowhere" / "run.pt", augment=lambda x, g: 1 / 0)


def test_a_run_goes_on_from_its_checkpoint_as_if_it_had_never_stopped(data, tmp_path):
    settings = {"num_epochs": 4, "batch_size": 32, "optimizer": torch.optim.AdamW, "lr": 1e-3}
    settings |= {"schedule": one_cycle, "augment": partial(random_shift, pixels=2), "progress": False}
    whole = small_model(dropout=0.3)
    expected = train(whole, data, **settings)

    def stop_in_epoch_3(images, generator, calls=[]):  # noqa: B006  (it counts the calls)
        calls.append(1)
        if len(calls) == 12:
            raise KeyboardInterrupt
        return settings["augment"](images, generator)

    path = tmp_path / "run.pt"
    first = small_model(dropout=0.3)
    assert len(train(first, data, **settings | {"augment": stop_in_epoch_3}, checkpoint=path)) == 2
    second = small_model(dropout=0.3)
    history = train(second, data, **settings, checkpoint=path)
    assert history == expected
    assert torch.equal(weights(second), weights(whole))
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]


def test_checkpoints_save_and_load(tmp_path):
    model, other = small_model(), nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(784, 2))
    history = History([0.5], [0.6], [0.7])
    path = save_checkpoint(tmp_path / "a.pt", model, history)
    assert load_checkpoint(path, other) == history
    assert torch.equal(weights(model), weights(other))


def test_a_bad_checkpoint_changes_nothing(tmp_path, data):
    path = save_checkpoint(tmp_path / "a.pt", small_model(), History())
    model = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(784, 3))
    before = weights(model)
    with pytest.raises(ValueError, match=r"`2.bias` is \(2,\) in the file, \(3,\) in the model"):
        load_checkpoint(path, model)
    with pytest.raises(ValueError, match="another run: `num_epochs` is None in the file, 10 in this call"):
        train(small_model(), data, checkpoint=path)
    assert torch.equal(weights(model), before)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="not a readable checkpoint"):
        load_checkpoint(path, model)
    torch.save({"some": "thing"}, path)
    with pytest.raises(ValueError, match="not a checkpoint"):
        load_checkpoint(path, model)
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "none.pt", model)


def test_a_checkpoint_that_cant_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    model = small_model()
    path = save_checkpoint(tmp_path / "a.pt", model, History())
    old = path.read_bytes()

    def full_disk(content, file):
        file.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, model, History([1.0], [1.0], [1.0]))
    assert path.read_bytes() == old
    assert [file.name for file in tmp_path.iterdir()] == ["a.pt"]


def test_flips_mirror_about_half_of_the_images():
    images = torch.arange(2 * 400 * 4.0).reshape(400, 2, 2, 2)
    flipped = random_flip(images, torch.Generator().manual_seed(0))
    mirrored = (flipped == images.flip(-1)).flatten(1).all(dim=1)
    same = (flipped == images).flatten(1).all(dim=1)
    assert (mirrored ^ same).all()
    assert 150 < mirrored.sum() < 250


def test_shifts_move_by_at_most_so_many_pixels_in_every_direction():
    images = torch.zeros(1, 1, 7, 7)
    images[..., 3, 3] = 1
    generator = torch.Generator().manual_seed(0)
    for pixels in (1, 2, 3):
        shifted = (random_shift(images, generator, pixels)[0, 0] for _ in range(600))
        places = {tuple(image.nonzero()[0].tolist()) for image in shifted}
        reach = range(3 - pixels, 4 + pixels)
        assert places == {(i, j) for i in reach for j in reach}


def test_half_of_the_images_are_mirrored_by_numbers_below_one_half():
    images = torch.arange(2.0).expand(64, 1, 1, 2)
    drawn = torch.rand(64, generator=torch.Generator().manual_seed(0))
    mirrored = random_flip(images, torch.Generator().manual_seed(0))[:, 0, 0, 0] == 1
    assert torch.equal(mirrored, drawn < 0.5)


def test_settings_are_named(data):
    with pytest.raises(TypeError, match="positional"):
        train(small_model(), data, 3)


def test_nobody_watching_means_no_output(data, capfd):
    train(small_model(), data, num_epochs=1)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_a_bar_on_a_terminal_leaves_nothing_behind(data, capsys):
    train(small_model(), data, num_epochs=1, progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "batch" in captured.err
    assert captured.err.rsplit("\r", 1)[-1] == ""  # the cursor is back on an empty line


def test_the_display_is_silent_for_kernels_that_no_person_watches(monkeypatch):
    monkeypatch.setattr(progress, "in_kernel", lambda: True)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert type(choose_display(None, 1, 1)).__name__ == "Silent"


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"num_epochs": -1}, ValueError, r"`num_epochs` \(=-1\)"),
        ({"batch_size": 0}, ValueError, r"`batch_size` \(=0\)"),
        ({"lr": 0.0}, ValueError, r"`lr` \(=0.0\) must be a finite number above 0"),
        ({"lr": -0.1}, ValueError, r"`lr` \(=-0.1\)"),
        ({"lr": math.inf}, ValueError, r"`lr` \(=inf\)"),
        ({"lr": math.nan}, ValueError, r"`lr` \(=nan\)"),
        ({"lr": "0.1"}, TypeError, "`lr`"),
        ({"seed": 1.5}, TypeError, r"`seed` \(=1.5\) must be an integer"),
        ({"seed": -1}, ValueError, r"`seed` \(=-1\) must be at least 0"),
    ],
)
def test_bad_settings_are_named(data, settings, error, says):
    with pytest.raises(error, match=says):
        train(small_model(), data, **settings)


def test_labels_that_dont_match_are_named(data):
    data.train_labels = data.train_labels[:-1]
    with pytest.raises(ValueError, match=r"`train_images` \(150\) and `train_labels` \(149\)"):
        train(small_model(), data)
